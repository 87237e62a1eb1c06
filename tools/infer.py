"""Super-resolve your own photos: the command ``masasr`` in a checkout."""

from masasr_mm.cli.photo_command import main

if __name__ == '__main__':
    main()
