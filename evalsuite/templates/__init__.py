"""Jinja templates that other people wrote: rendered in a sandbox, in a process with limits.

:mod:`.safe_jinja` is the sandbox: what a template may reach and how large a text it may make.
:mod:`.render_process` is the process that renders; it has limits on time and memory.
:mod:`.renderer` starts the process, asks it and ends it. Everything else uses only this module.
"""
