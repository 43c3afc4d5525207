"""Who may ask about a subject besides itself, and who asked: grants (授权书) and 谁查询过我."""
