"""What is stored beside what REST and the published files say now."""
