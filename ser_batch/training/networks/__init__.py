"""Networks in Keras 3: the CNN, the Whisper encoder, the classifier on the encoder, and what they share."""
