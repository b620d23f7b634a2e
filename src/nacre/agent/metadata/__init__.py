"""What a guest may read about itself at 169.254.169.254: the documents, the server, the way to it."""
