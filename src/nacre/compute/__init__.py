"""Compute v2.1: flavors, key pairs, servers, and the hosts they run on.

Promises:
- A server is accepted in one transaction together with its ports, or refused with nothing left behind.
- Deleting is accepted in every state. What is left of a server goes in the order in which nothing loses its ground:
  guest, then ports and claim and rows, in one transaction.
- Quota usage is summed from the servers there are; nobody keeps a second count.
- `status` is one pure function (`domain/status.py`) of what is wanted, where it was placed, and what its host says.
  The columns that keep it for lists are written in the transaction that changes what it follows from.
- Why a server is where it is, or nowhere, is kept with the server (`explain.py`).
- A host hears only of its own guests, and what it says counts only for them.

Who writes what: `server` the API; `server_placement` the placing loop; `guest_facts` the reports of the guest's
host. A wish reaches a host by number: each change of what should be on a host raises the host's `generation`, and
the changed server remembers it, so that an agent asks for what is newer than what it knows.

`api` speaks HTTP; `fleet.py` is the other door, by which agents ask and report; `questions.py` carries what a
caller waits to hear from a host.
"""
