"""The API tier: one GET turns a prompt into the URL of a picture.

`GET /generate?prompt=sunset%20over%20mountains&shape=landscape` has the render worker generate a picture, and returns
its URL as JSON, or a redirect to it if the client shows pictures. `GET /` documents every parameter.
"""
