"""When the answers so far decide a task, so that the rest need not be asked."""
