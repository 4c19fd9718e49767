"""Devices made of others: AUTO, MULTI, HETERO and BATCH."""
