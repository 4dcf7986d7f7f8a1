"""The command line `storehaus`. Its submodules need the extra `cli`; this one needs nothing."""
