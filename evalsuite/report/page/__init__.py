"""The HTML report: one file that shows a store's scores and samples and loads nothing.

:mod:`collect` gathers what the page shows, :mod:`document` fills the templates with it, and
``page.js`` makes it interactive. Everything that comes from a model, a
data set or a file name is untrusted: it passes a template, which escapes it, on its way
into HTML and ``textContent`` on its way into the page, never ``innerHTML``.
"""
