"""What `explain` asks and says: the evidence of touches, touches passed over, reasons of models, and the words."""
