"""HTTP: one flat table of routes per service, versions as windows on fields, one shape for every refusal.

routes.py     Route, and the table compiled into a tree of path segments
call.py       Call: what a handler is given; Answer and its kin: what it gives back
body.py       request bodies as msgspec structs, checked strictly
versions.py   microversions: negotiation, and windows on fields
paging.py     limit, marker, sort, and the statements they become
app.py        the ASGI application that ties them together
server.py     the sockets and the server process around it
"""
