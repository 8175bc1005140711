"""The ledger and the journal to the parts of the weekly report: one module a part."""
