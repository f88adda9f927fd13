"""The static HTML report of a study: tables, figures, page."""
