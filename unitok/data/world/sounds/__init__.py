"""The world's sounds: speech of its sentences, melodies and events, and the documents that hold them."""
