"""SQL in, frozen structs out."""
