"""What the commands do, behind the options of the command line."""
