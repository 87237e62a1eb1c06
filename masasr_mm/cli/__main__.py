"""``python -m masasr_mm.cli`` is the command ``masasr``."""

from .photo_command import main

if __name__ == '__main__':
    main()
