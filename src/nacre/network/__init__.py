"""Networks, as Networking v2.0: networks, subnets, ports, routers, floating IPs and security groups, on OVN.

It answers below `/networking` and promises:

- A row says what is wanted and a loop makes it so. A change of one object costs the same however many there are, and
  what it means for others is made due in the transaction that makes it.
- A request is met whole or not at all: fifty ports are one transaction of a dozen statements.
- An address, a MAC on its network, a wire and a rule are given once, whoever asks at the same moment. The lowest free
  address is found without reading those in use (`store/addresses.py`), and no list of free ones is kept.
- A guest's port is up only when its rules are in force. Nothing in OVN is ours that no object of ours accounts for,
  and `nacre audit` names every difference.
- Who may see and use what is said by entries (`domain/rbac.py`), also where a flag says it; lists ask for them in the
  same statement, and an entry stays while somebody uses what only it lets them use.
- Every attribute is declared once, as data (`api/attributes.py`): what it may be, who may say it, who sees it.
  Filters, sorting, fields, strictness and the five usual operations follow from that for all nouns alike.

contract.py     what the compute service asks, within its own transactions; answered by nics.py
api/            the doors; noun.py is what all nouns have in common
changes/        what happens together in one transaction, called by the API and the contract alike
domain/         values and decisions; ovn/ says what each object becomes there
store/          rows and statements
loops/          one loop for every noun: read, compile, apply
drivers/        OVN, and a complete fake of it
"""
