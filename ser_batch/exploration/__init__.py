"""`ser-batch explore`: an HTML page with tables, plots and sounds of a labelled corpus."""
