"""The database: its engines, tables and migrations, sealing, the audit chain, ids, leases."""
