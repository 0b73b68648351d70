"""Figures that companies filed with the SEC, from its company facts, each as first filed."""
