"""An engine to copy: `cp -r render_worker/engines/_skeleton render_worker/engines/<name>`; CONTRIBUTING has the steps.

It is no row of the registry. Its service takes `POST /images` and replies with the picture in base64.
"""
