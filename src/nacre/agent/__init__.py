"""The process on each hypervisor: it asks what should be on its host, makes it so, and says what is true.

Promises:
- It acts on wishes, never on commands. Killed between any two steps, it goes on where the world stands.
- Until it has heard the whole list of what should be here, it removes nothing; and it never touches a guest
  that this cloud did not make.
- A guest runs only after its ports are realised on the switch and its metadata answers.
- Guests run on while the agent, the control plane or libvirt is away.
- A guest that switches itself off stays off until its wish changes; one that its host took down is started
  again (`domain/steps.py` says how the two are told apart).

`domain` decides, `keeper` performs one step at a time, `loop` drives a keeper in threads, `fleet` drives
thousands of simulated hosts in one thread, `link` speaks to the control plane, `drivers` and `metadata`
touch the world.
"""
