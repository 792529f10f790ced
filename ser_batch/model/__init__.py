"""Models as workers load them: the bundle and the runtime."""
