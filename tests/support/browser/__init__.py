"""What a browser does and shows: sign-in, forms, HTML."""
