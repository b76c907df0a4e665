"""The command line: one file a command, each with ``run(argv) -> int``; only here is anything printed."""
