"""The pages for people (门户): what everybody may read, and what enterprises, grantees, window staff and officers do.

    site         the site map: every page, who may see it, and what it is called
    application  what happens to every request for a page
    visit        one request, as the handler of a page sees it, and what handlers answer with
    forms        what was filled in
    look         language, colours and size, as the visitor wants them
    rendering    templates, and the words that they share
    assets       style and scripts
    sections/    the handlers, one file for each part of the site; their templates stand in templates/ under the same name

Pages are made here, of the same services as the REST API stands on, by the same table of who may what (gateway/api/access.py).
They work without scripts: what a script adds (progress that shows by itself, the camera) is an addition.
"""
