"""The tables of identity: SQL in, frozen structs out."""
