"""Answer a namespace that asks this portal about each CONNECT (custom webhook authentication). Pure: no Django, no input or output.

`tokens` says who asks, `requests` what is asked, `answers` what the namespace gets back.
"""
