"""What is wanted of networks, as rows. Statements are built once; what comes out is frozen."""
