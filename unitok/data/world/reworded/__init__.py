"""Other ways to say what the world's requests, questions and edits say: for training on many wordings.

The templates beside this package draw what is asked and put it in words that evaluation asks with; here the same
content is put in words anew, out of parts that go together in many ways.
"""
