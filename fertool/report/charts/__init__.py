"""Tables -> plotly figures, as plain dicts: what plotly.js reads. One module per kind of page.

Colors are not set here: `static/report.css` names them once, for light and dark, and `static/report.js` puts
them in. A trace says by `meta` what it shows: `color`, the name of one; `bars`, of each bar or slice; `heat`.
"""
