"""The compiler: from our objects to the rows OVN should hold for each.

One function per noun, pure, and blind to everything but its arguments, so that the cost of a change does not depend
on how much else there is. Rows and references are named in `names.py`.
"""
