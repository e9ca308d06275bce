import { describe, expect, test } from "bun:test";
import { releasedTemplate } from "../../../core/create-resources/adopt.ts";

const template = `
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  PackageName: { Type: String }
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: { ObjectLockEnabled: true }
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties: { Bucket: !Ref Bucket }
  Role:
    Type: AWS::IAM::Role
    Properties: { RoleName: !GetAtt Bucket.Arn }
Outputs:
  Bucket:
    Value: !Ref Bucket
    Export: { Name: backup-bucket }
`;

describe("the template of a stack that gives its bucket up", () => {
  test("it keeps bucket and roles, retains the bucket, and has no bucket policy and no export", () => {
    expect(JSON.parse(releasedTemplate(template))).toEqual({
      AWSTemplateFormatVersion: "2010-09-09",
      Parameters: { PackageName: { Type: "String" } },
      Resources: {
        Bucket: {
          Type: "AWS::S3::Bucket",
          Properties: { ObjectLockEnabled: true },
          DeletionPolicy: "Retain",
          UpdateReplacePolicy: "Retain",
        },
        Role: { Type: "AWS::IAM::Role", Properties: { RoleName: { "Fn::GetAtt": ["Bucket", "Arn"] } } },
      },
      Outputs: { Bucket: { Value: { Ref: "Bucket" } } },
    });
  });

  test("what is released already stays as it is", () => {
    const once = releasedTemplate(template);
    expect(releasedTemplate(once)).toBe(once);
  });
});
