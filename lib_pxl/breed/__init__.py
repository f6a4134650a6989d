"""The pool as a person works with it: new nokens from a model's words, litters, thumbnails, generations, by REST."""
