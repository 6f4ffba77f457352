"""``python -m shortlist.cli`` is ``shortlist``, for where scripts are not on the path."""

from shortlist.cli.app import main

if __name__ == "__main__":
    main()
