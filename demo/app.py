"""A page in the browser that super-resolves photos: the command ``masasr-demo`` in a checkout."""

from masasr_mm.demo.command import main

if __name__ == '__main__':
    main()
