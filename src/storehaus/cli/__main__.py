"""`python -m storehaus.cli`, for where the script is not on the path."""

import sys

from storehaus.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
