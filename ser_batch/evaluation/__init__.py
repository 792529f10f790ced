"""Evaluation: metrics, calibration, noise tests, plots, tables for the terminal."""
