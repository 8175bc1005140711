"""The console: queries -> figures -> pages. Queries know no plotting library, figures no Dash."""
