"""The cloud on this machine: what is started, in which order, who watches it, and how it is taken away again.

Promises:
- `up` may be run again at any time. It repairs what is broken and changes nothing that is well.
- A part (an engine, the control plane, the agent) is recorded before it runs, by pid and kernel start time,
  so that nothing is ever started twice and nothing is ended that was not started here.
- The supervisor may die at any moment. Everything else runs on, and the next supervisor takes it over.
- `down` keeps all data and leaves no process, interface or namespace behind; `purge` keeps nothing.

`paths` says where everything is, `parts` what there is to run, `supervisor` keeps it running, `front_door`
is `up`, `down` and `purge`, `first_use` makes the first objects through the public API, and `doctor` names what
is wrong with its cure.
"""
