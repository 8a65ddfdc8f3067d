"""One HTTP request from start to end, and the operations of the contract."""
