"""Placement: who has room, and who holds how much of it. Speaks the Placement API, mounted at `/placement`.

What this service promises:

- A claim holds or it does not: it is one conditional write on the provider's generation, in the transaction of
  whoever claims. Everything that changes what a provider has, gives or is raises its generation.
- Usage is the sum of allocation rows and is stored nowhere else, so it cannot drift.
- Every provider is also a row of arrays in memory, so that asking all of ten thousand costs milliseconds. The
  arrays may be a moment old: changes announce themselves, lost announcements are found by comparing
  generations, and a claim made on an old sight is lost and looked at again.
- Every host has a reason. Those that cannot take a demand say why, when somebody reads it.

Left out: the reshaper, and providers that share what they have with other trees (MISC_SHARES_VIA_AGGREGATE).
"""
