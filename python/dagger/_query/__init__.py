"""From chains of calls to documents, and from answers to values. Knows neither sockets nor event loops.

* `encode`: arguments to text.
* `step`: the calls that lead to an object, as an immutable linked list.
* `plan`: which documents have to be sent for a value, in which order.
* `decode`: answers to values.
"""
