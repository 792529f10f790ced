"""The engines that annotate files: worker processes of this machine, or a Ray cluster."""
