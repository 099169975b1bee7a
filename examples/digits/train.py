"""Train a classifier of handwritten digits; write the model and how good it is."""

import json
import sys

import joblib
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split

strength = float(sys.argv[1])
images, labels = load_digits(return_X_y=True)
train, test, train_labels, test_labels = train_test_split(images / 16, labels, random_state=0)
model = LogisticRegression(C=strength, max_iter=1000).fit(train, train_labels)
guessed = model.predict(test)
metrics = {
    "strength": strength,
    "accuracy": round(float(accuracy_score(test_labels, guessed)), 4),
    "confusion": confusion_matrix(test_labels, guessed).tolist(),
}
joblib.dump(model, "/out/model.joblib")
with open("/out/metrics.json", "w", encoding="utf-8") as file:
    json.dump(metrics, file)
