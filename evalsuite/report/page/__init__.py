"""The HTML report: one file that shows a store's scores and samples and asks nothing of anyone.

:mod:`collect` gathers what the page shows, :mod:`document` puts it together from parts that
each make one piece of HTML, and ``page.js`` makes it move. Everything that comes from a model, a
data set or a file name is untrusted: it passes :func:`text.esc` on its way into HTML and
``textContent`` on its way into the page, never ``innerHTML``.
"""
