"""What happens together: each function here makes one change whole, within the transaction it is given.

The API and the contract both call these, so that a port made for a server and one made by hand are made alike.
Whatever a change of one object means for the switches of others is made due in the same transaction.
"""
