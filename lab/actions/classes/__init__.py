"""What trainers and trainees do with classes and seats."""
