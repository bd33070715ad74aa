"""What pages and the API get: frozen values, opened under a receipt, worded for one reader.

A row of the database never reaches a template. Each function here records the read first, opens second.
"""
