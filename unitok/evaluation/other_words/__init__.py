"""Requests for pictures, questions and edits in wordings written without a look at those of training.

They tell whether a model understands what users say, or only the sentences that it was trained on. These sentences are
for measuring only: training templates must not be written from them, not even from what a report says went wrong.
"""
