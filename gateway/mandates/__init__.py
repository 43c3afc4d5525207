"""Who may act for an enterprise: agents (经办人) whom its legal representative confirmed, and window staff with a paper mandate."""
