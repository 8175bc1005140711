"""The stores to what the reports take: one module a report, named as the command names it."""
