"""Who people and programs are, and for whom they act.

    provider       the province's identity provider, over HTTP
    tokens         what is checked of a token
    login          logging in there
    sessions       being logged in here
    access_tokens  programs of enterprises
    acting         for whom a person may act

What is checked stands, numbered, in docs/protocols/identity.md.
"""
